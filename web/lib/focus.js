/* The focus is never lost: where what had it goes away (a button whose form takes its place, a row that is done with), it goes to what that
 * stood in, so that the next Tab leads on from there. Dialogs and new pages see to theirs themselves. */

/** @param {HTMLElement} root what pages are drawn in */
export const keepFocus = (root) => {
    let at = null, around = [];
    root.addEventListener("focusin", ({ target }) => {
        at = /** @type {HTMLElement} */ (target);
        around = [];
        for (let e = at.parentElement; e && e !== root; e = e.parentElement) if (e.matches("section, form, dialog, main, header, .card, .note, li, tr")) around.push(e);
    });
    new MutationObserver(() => {
        if (!at || at.isConnected) return;
        const now = document.activeElement;
        const next = !now || now === document.body ? around.find((e) => e.isConnected) : null;
        at = null;
        if (!next) return;
        if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
        next.focus({ preventScroll: true });
    }).observe(root, { childList: true, subtree: true });
};
/** The first field of a form or dialog that cannot be right. @param {Element | null | undefined} within @returns {HTMLElement | null | undefined} */
export const firstFault = (within) => within?.querySelector("[aria-invalid=true], .choices[data-bad] input");
