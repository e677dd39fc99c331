/* The journal's kinds of entries, by number. */
export const KINDS = ["GENESIS", "OPEN", "CLOSE", "FUND", "TRANCHE", "GRANT", "CLAWBACK", "LAPSE", "HOLD", "SETTLE", "VOID", "EXPIRE", "RESOLVE", "CORRECT", "SITE", "OFFERING", "RATE", "POLICY", "KEY", "NOTICE"];
