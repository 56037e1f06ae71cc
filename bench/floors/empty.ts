/** Starting Bun, and nothing else. */
process.exitCode = 0;
