/* Patterns of paths. Plain function. */

/** Match "/requests/{id}" against a path; the parts or null. */
export const match = (pattern, path) => {
    const a = pattern.split("/"), b = path.replace(/\/$/, "").split("/");
    if (pattern === "/") return path === "/" || path === "" ? {} : null;
    if (a.length !== b.length) return null;
    const parts = {};
    for (let i = 0; i < a.length; i++) {
        const name = /^\{(\w+)\}$/.exec(a[i]);
        if (name && b[i]) parts[name[1]] = decodeURIComponent(b[i]);
        else if (a[i] !== b[i]) return null;
    }
    return parts;
};
