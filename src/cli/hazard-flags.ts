/** The options by which a person says what a run may lose. */

export const ALLOW_ARG = {
  allow: {
    type: "string",
    valueHint: "KINDS",
    description: "hazards that may happen, such as DELETES_DATA (which allows every loss of data)",
  },
} as const;

export const BACKUP_ARG = {
  "no-backup": {
    type: "boolean",
    description: "lose data without a backup beside the database",
  },
} as const;
