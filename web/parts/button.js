/* Button: its words are the deed. One that is off says why beside it and stays focusable. */
import { html, useId } from "../lib/html.js";
import { Icon } from "./icon.js";

/**
 * @param {{kind?: "primary" | "plain" | "danger", small?: boolean, wide?: boolean, href?: string, icon?: string, after?: string, off?: string,
 *   busy?: boolean, submit?: boolean, download?: boolean | string, onClick?: (event: Event) => void, children?: any, label?: string, autofocus?: boolean}} props
 */
export const Button = ({ kind = "plain", small, wide, href, icon, after, off, busy, submit, onClick, children, label, download, ...rest }) => {
    const why = useId();
    const look = ["button", kind !== "plain" && kind, small && "small", wide && "wide"].filter(Boolean).join(" ");
    const inner = html`${icon && html`<${Icon} name=${icon} />`}<span>${children}</span>${after && html`<${Icon} name=${after} />`}`;
    if (href && !off) return html`<a class=${look} href=${href} aria-label=${label} download=${download} ...${rest}>${inner}</a>`;
    const press = (event) => {
        if (off || busy) event.preventDefault();
        else onClick?.(event);
    };
    return html`
        <button class=${look} type=${submit ? "submit" : "button"} aria-disabled=${off ? "true" : undefined} aria-busy=${busy ? "true" : undefined}
            aria-describedby=${off ? why : undefined} aria-label=${label} onClick=${press} ...${rest}>${inner}</button>
        ${off && html`<span class="off-why" id=${why}>${off}</span>`}`;
};
