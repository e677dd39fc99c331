/* A site's reports by number. Plain functions. */
/**
 * Numbers that are missing in a page of reports, newest first: between two of them, or before the first if the newest is known.
 * @param {{number: number}[]} items @param {number | null} newest @returns {{from: number, to: number}[]}
 */
export const gaps = (items, newest = null) => {
    const list = [];
    let expected = newest ?? items[0]?.number;
    for (const { number } of items) {
        if (number < expected) list.push({ from: number + 1, to: expected });
        expected = number - 1;
    }
    return list;
};
