/** A directory written for dbmate runs unmodified: timestamps, CRLF, a byte order mark, triggers. */
import { describe, expect, it } from "bun:test";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { runMigrate } from "../support/migrate-process.ts";
import { writeMigrations } from "../support/migration-directory.ts";
import { column, objectNames, pragma } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const CREATE_USERS = `-- migrate:up
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  email TEXT NOT NULL, -- unique; see below
  updated_at INTEGER
);
CREATE UNIQUE INDEX users_email ON users (email);
INSERT INTO users (id, email) VALUES (1, 'a;b@example.com'), (2, 'it''s -- not a comment');

-- migrate:down
DROP TABLE users;
`;

const ADD_TRIGGERS = `-- migrate:up
CREATE TABLE audit (user_id INTEGER, what TEXT);
CREATE TRIGGER users_touch AFTER UPDATE ON users
FOR EACH ROW WHEN NEW.updated_at IS OLD.updated_at
BEGIN
  UPDATE users SET updated_at = CASE WHEN OLD.updated_at IS NULL THEN 1 ELSE OLD.updated_at + 1 END
  WHERE id = NEW.id;
  INSERT INTO audit VALUES (NEW.id, 'touched; again');
END;
CREATE TRIGGER users_gone AFTER DELETE ON users BEGIN
  INSERT INTO audit VALUES (OLD.id, CASE OLD.email WHEN '' THEN 'empty' ELSE 'gone' END);
END;

-- migrate:down
DROP TRIGGER users_gone;
DROP TRIGGER users_touch;
DROP TABLE audit;
`;

describe("a directory written for dbmate", () => {
  it("goes up and down unmodified", async () => {
    using folder = tempFolder();
    writeMigrations(folder.at("db"), {
      "20240101120000_create_users.sql": `\ufeff${CREATE_USERS}`.replaceAll("\n", "\r\n"),
      "20240102130000_add_triggers.sql": ADD_TRIGGERS.replaceAll("\n", "\r\n"),
      "20240103000000_empty.sql": "-- migrate:up\r\n\r\n-- migrate:down\r\n",
    });
    const args = ["--db", "x.db", "--dir", "db"];
    expect(await runMigrate(["up", ...args, "--quiet"], folder.path)).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    {
      using db = openConnection(folder.at("x.db"));
      expect(objectNames(db)).toEqual([
        "audit",
        "users",
        "users_email",
        "users_gone",
        "users_touch",
      ]);
      db.runOnce("UPDATE users SET email = 'c' WHERE id = 1; DELETE FROM users WHERE id = 2");
      expect(column(db, "SELECT what FROM audit")).toEqual(["touched; again", "gone"]);
      expect(pragma(db, "user_version")).toBe(0);
    }
    const status = JSON.parse(
      (await runMigrate(["status", "--json", ...args], folder.path)).stdout,
    ) as object;
    expect(status).toMatchObject({ currentVersion: 20_240_103_000_000, pendingCount: 0 });
    const down = await runMigrate(["rollback", "20240102130000", ...args], folder.path);
    // The newest migration has an empty down: nothing says how to undo it, so nothing is undone.
    expect(down).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("MIGRATION_IRREVERSIBLE"),
    });
    writeMigrations(folder.at("db"), {
      "20240103000000_empty.sql": "-- migrate:up\n\n-- migrate:down\nSELECT 1;\n",
    });
    expect(await runMigrate(["rollback", "0", "--use-files", ...args], folder.path)).toMatchObject({
      exitCode: 0,
    });
    using db = openConnection(folder.at("x.db"));
    expect(objectNames(db)).toEqual([]);
  });
});
