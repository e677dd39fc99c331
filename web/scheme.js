/* Runs before the first paint: the scheme that the reader chose, if any; the system's otherwise. */
(() => {
    try {
        const chosen = localStorage.getItem("scheme");
        if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
    } catch {
        /* storage is switched off: the system's scheme stands */
    }
})();
