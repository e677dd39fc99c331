/* What an order does, in one sentence of the reader's language. What is newer than this page is said as the server says it. */
import { t } from "../lib/words.js";
import { credits } from "../lib/format.js";
import { more } from "../lib/more.js";

await more("../messages/LANG.order-says.json");

/** @param {any} o the order's entry */
export const orderSays = (o) => {
    const body = o.body;
    const params = { amount: credits(o.amount_gpums), from: o.debit?.organisation ?? o.debit?.label ?? "", to: o.credit?.organisation ?? o.credit?.label ?? "", site: o.site ?? body.code ?? "", model: o.model ?? "",
        name: body.name ?? "", memory: body.memory_gb ?? "", rate: body.rate_milli === undefined ? "" : credits(String(BigInt(body.rate_milli) * 3600n)) };
    switch (o.kind) {
    case "FUND": return t("says.fund", params);
    case "TRANCHE": return t(o.credit?.class === "reserve" ? "says.reserve" : "says.tranche", params);
    case "GRANT": return t("says.grant", params);
    case "CLAWBACK": return t("says.clawback", params);
    case "CORRECT": return t("says.correct", params);
    case "RESOLVE": return t("says.resolve", params);
    case "CLOSE": return t("says.close", params);
    case "VOID": return t("says.release", params);
    case "SITE": return t("says.site", params);
    case "OFFERING": return t("says.offering", params);
    case "RATE": return t("says.rate", params);
    case "POLICY": return t(body.code === "orders" ? "says.rule" : "says.policy", params);
    case "KEY": if (body.use === "officer") return t(body.status === "active" ? "says.key" : "says.key-ended", params); break;
    case "NOTICE": if (body.type === "dispute-closed") return t("says.dismiss", params); break;
    default:
    }
    return o.summary;
};
