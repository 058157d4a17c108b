// SPDX-License-Identifier: MIT
// The npm package ws as an echo server, by which test_ws_conformance.py finds out whether its cases are right. Prints
// its URL, then serves until its standard input ends.
'use strict';

const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/websocket', maxPayload: 1 << 25 });
server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => {}); // it has closed the connection by itself
});
server.on('listening', () => console.log(`ws://127.0.0.1:${server.address().port}/websocket`));
process.stdin.on('end', () => process.exit(0)).resume();
