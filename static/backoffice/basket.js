// Asks what the basket in the form would make of the index, at the newest prices.
(() => {
  const button = document.getElementById("basket-preview-button");
  button?.addEventListener("click", async () => {
    const response = await fetch(button.dataset.url, { method: "POST", body: new FormData(button.closest("form") ?? document.querySelector("form[id$=_form]")) });
    document.getElementById("basket-preview").innerHTML = await response.text();
  });
})();
