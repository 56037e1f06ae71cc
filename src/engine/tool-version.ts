/** The version of usagedb that ledgers and backups record; a test compares it with package.json. */
export const TOOL_VERSION = "0.2.0";
