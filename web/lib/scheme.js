/* Light or dark: the reader's choice, else the system's. The only thing kept in localStorage. */
import { signal } from "./html.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const now = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
export const scheme = signal(now());
dark.addEventListener("change", () => {
    scheme.value = now();
});
export const turn = () => {
    const next = scheme.value === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
        localStorage.setItem("scheme", next);
    } catch {
        /* storage is switched off: it holds for this page */
    }
    scheme.value = next;
};
