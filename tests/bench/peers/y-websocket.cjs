// The server that y-websocket 2.1 carries, started as its own bin does: node y-websocket.cjs PORT
process.env.HOST = "127.0.0.1";
process.env.PORT = process.argv[2];
require("./node_modules/y-websocket/bin/server.cjs");
