// An export says how far it is. Without this script the link is an ordinary download.
(() => {
  async function download(link) {
    const box = Object.assign(document.createElement("div"), { className: "export-progress" });
    const bar = document.createElement("progress");
    const text = document.createElement("span");
    box.setAttribute("role", "status");
    box.append(text, bar);
    document.body.append(box);
    try {
      const response = await fetch(link.href);
      if (!response.ok) throw new Error(response.status);
      const total = Number(response.headers.get("X-Total-Rows"));
      const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))[1];
      bar.max = Math.max(total, 1);
      const parts = [];
      let rows = -1;
      const reader = response.body.getReader();
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        parts.push(step.value);
        for (const byte of step.value) if (byte === 10) rows += 1;
        bar.value = Math.min(Math.max(rows, 0), total);
        text.textContent = `${bar.value} / ${total}`;
      }
      const address = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
      Object.assign(document.createElement("a"), { href: address, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
      setTimeout(() => box.remove(), 3000);
    } catch {
      box.remove();
      window.location = link.href;
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-export]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      download(link);
    }
  });
})();
