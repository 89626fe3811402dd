// Runs before the first paint: the theme that this browser chose, else the system's.
const chosen = localStorage.getItem("soke.theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
