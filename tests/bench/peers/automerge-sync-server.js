// @automerge/automerge-repo-sync-server, as its own bin starts it: node automerge-sync-server.js PORT DIR
[process.env.PORT, process.env.DATA_DIR] = process.argv.slice(2);
await import("@automerge/automerge-repo-sync-server");
