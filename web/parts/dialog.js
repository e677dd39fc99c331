/* Dialog: only for what costs credits or cannot be undone. The focus goes to the harmless choice; Escape closes. */
import { html, useLayoutEffect, useRef } from "../lib/html.js";
import { Button } from "./button.js";

/**
 * @param {{title: string, yes: string, no: string, danger?: boolean, busy?: boolean, error?: any, onYes: () => void, onNo: () => void, children: any}} props
 */
export const Dialog = ({ title, yes, no, danger, busy, error, onYes, onNo, children }) => {
    const box = useRef(null);
    useLayoutEffect(() => {
        const dialog = box.current;
        dialog.showModal();
        dialog.querySelector("[data-harmless]")?.focus();
        return () => dialog.close(); /* which gives the focus back to where it came from */
    }, []);
    return html`
        <dialog ref=${box} aria-labelledby="dialog-title" onCancel=${(event) => { event.preventDefault(); onNo(); }}>
            <h2 id="dialog-title">${title}</h2>
            <div>${children}</div>
            ${error}
            <div class="deeds">
                <${Button} kind=${danger ? "danger" : "primary"} busy=${busy} onClick=${onYes}>${yes}<//>
                <${Button} data-harmless="" onClick=${onNo}>${no}<//>
            </div>
        </dialog>`;
};
