/** Starting Bun, and nothing else. */
