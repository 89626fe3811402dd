// Shows in the phone what the form says, as it is typed; where nothing can be typed, what the row says.
(() => {
  const preview = document.getElementById("popup-preview");

  function field(name) {
    return document.getElementById(`id_${name}`);
  }

  function buttons() {
    if (!field("button_1_name")) {
      const stored = JSON.parse(document.getElementById("popup-buttons").textContent || "[]");
      return (stored || []).map((button) => button.name);
    }
    return [1, 2, 3].map((number) => field(`button_${number}_name`)?.value.trim()).filter(Boolean);
  }

  function show() {
    const part = (name) => preview.querySelector(`[data-shows=${name}]`);
    part("title").textContent = field("title")?.value ?? preview.dataset.title;
    part("content").textContent = field("content")?.value ?? preview.dataset.content;
    part("close").hidden = !(field("is_cancel") ? field("is_cancel").checked : preview.dataset.close);
    part("buttons").replaceChildren(
      ...buttons().map((name) => Object.assign(document.createElement("span"), { textContent: name })),
    );
  }

  if (preview) {
    document.addEventListener("input", show);
    document.addEventListener("change", show);
    show();
  }
})();
