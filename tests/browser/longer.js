/* A language that is not there: the catalogue's words 40% longer, as German or Finnish may be. Places to fill in and tags stay. */
const stretch = (text) => text.split(/(\{[^}]*\}|<[^>]*>)/).map((part) => (/^[{<]/.test(part) ? part : part.replace(/\p{L}{3,}/gu, (word) => word + word.slice(0, Math.ceil(word.length * 0.4)).toLowerCase()))).join("");
const stretched = (messages) => Object.fromEntries(Object.entries(messages).map(([key, m]) => [key, typeof m === "string" ? stretch(m) : Object.fromEntries(Object.entries(m).map(([form, text]) => [form, stretch(text)]))]));

/** Lets a page have that language. */
export const longer = (page) => page.route(/\/messages\/en\b.*\.json$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { "content-type": "application/json" }, body: JSON.stringify(stretched(await response.json())) });
});
