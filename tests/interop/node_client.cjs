// SPDX-License-Identifier: MIT
// A browser's view of the server, with the npm packages ws and @msgpack/msgpack: `node node_client.cjs '{"ws": url,
// "wss": url, "race": url, ...}'` goes through every scenario below and prints what it saw as one JSON object, which
// test_node_client.py judges.
'use strict';

const WebSocket = require('ws');
const { encode, decode } = require('@msgpack/msgpack');
const { Snapshots } = require('./node_snapshots.cjs');

const HELLO = 1, INPUT = 2, PING = 3, BYE = 4, WELCOME = 64, PHASE = 66, SNAPSHOT = 67, TIMING = 68, PONG = 70;
const COUNTDOWN = 1, RACING = 2;
const given = JSON.parse(process.argv[2]);
const forged = JSON.stringify({ unisavePlayerId: 'A', fusionPlayerToken: 'x' });

// A socket whose messages and end can be awaited in order.
function open(url, protocols = ['paddock.v1']) {
    const socket = new WebSocket(url, protocols, { rejectUnauthorized: false, origin: 'https://game.example' });
    const inbox = [];
    const waiting = [];
    const put = (item) => (waiting.length ? waiting.shift()(item) : inbox.push(item));
    socket.on('message', (data, isBinary) => put(isBinary ? decode(data) : data.toString()));
    socket.on('close', (code, reason) => put({ code, reason: reason.toString() }));
    socket.on('error', (error) => put({ error: error.message }));
    socket.next = () => new Promise((resolve) => (inbox.length ? resolve(inbox.shift()) : waiting.push(resolve)));
    socket.up = new Promise((resolve) => socket.on('open', resolve));
    socket.tell = (...message) => socket.send(encode(message));
    return socket;
}

const hello = (socket, token) => socket.tell(HELLO, 1, Buffer.from(token), '', 'node');

async function until(socket, wanted) {
    for (;;) {
        const item = await socket.next();
        if (!Array.isArray(item) || item[0] === wanted) {
            return item;
        }
    }
}

async function play(url, token) {
    const socket = open(url);
    await socket.up;
    hello(socket, token);
    const welcome = await until(socket, WELCOME);
    socket.tell(PING, 4294967295);
    const pong = await until(socket, PONG);
    socket.tell(BYE);
    return { protocol: socket.protocol, extensions: socket.extensions, welcome, pong, end: await until(socket) };
}

// Full throttle until the kart has moved, by inputs that came in time and snapshots that were acknowledged.
async function race(url, token) {
    const socket = open(url);
    await socket.up;
    hello(socket, token);
    const welcome = await until(socket, WELCOME);
    const snapshots = new Snapshots(welcome[11]);
    const throttle = [255, 0, 0, 0]; // game/README.md
    let phase, entity, start, here, margin;
    while (snapshots.deltas < 20 || margin === undefined || String(here) === String(start)) {
        const message = await socket.next();
        if (!Array.isArray(message)) {
            return message;
        }
        if (message[0] === PHASE) {
            phase = message[1];
            entity = message[7][welcome[4]];
            if (phase === COUNTDOWN) {
                snapshots.forget();
            }
        } else if (message[0] === TIMING) {
            margin = message[2];
        } else if (message[0] === SNAPSHOT) {
            const values = snapshots.apply(...message.slice(1));
            here = values ? values.slice(entity * welcome[11], entity * welcome[11] + 2) : here;
            start = start || here;
            const ticks = phase === RACING ? 30 : 0; // that many ahead of what we have heard of
            socket.tell(INPUT, snapshots.newest, snapshots.newest + 1, Buffer.from(Array(ticks).fill(throttle).flat()));
        }
    }
    socket.tell(BYE);
    return until(socket);
}

async function after(url, ...messages) {
    const socket = open(url);
    await socket.up;
    messages.forEach((message) => socket.send(message));
    return until(socket);
}

const scenarios = {
    ws: () => play(given.ws, given.tokens[0]),
    wss: () => play(given.wss, given.tokens[1]),
    race: () => race(given.race, given.racer),
    async echo() {
        const socket = open(given.wss);
        await socket.up;
        socket.send('is the way open? \u00e9');
        const text = await socket.next();
        hello(socket, given.tokens[2]);
        const welcome = await socket.next();
        socket.close();
        return { text, next: welcome[0] };
    },
    fourth_text: () => echoes(4),
    async no_subprotocol() {
        const socket = open(given.wss, []);
        await socket.up;
        socket.close();
        return { protocol: socket.protocol };
    },
    wrong_path: () => open(given.wss + '2').next(),
    wrong_subprotocol: () => open(given.wss, ['graphql-ws']).next(),
    several_subprotocols: async () => {
        const socket = open(given.wss, ['graphql-ws', 'paddock.v1']);
        await socket.up;
        socket.close();
        return { protocol: socket.protocol };
    },
    forged: () => after(given.wss, encode([HELLO, 1, Buffer.from(forged), '', 'node'])),
    text_token: () => after(given.wss, encode([HELLO, 1, forged, '', 'node']), encode([BYE])),
    map: () => after(given.wss, encode({ type: 'hello' })),
    rubbish: () => after(given.wss, Buffer.from('rubbish')),
    too_big: () => after(given.wss, Buffer.alloc(16385)),
    async own_code() {
        const socket = open(given.wss);
        await socket.up;
        socket.close(4321, 'changed my mind');
        return socket.next();
    },
};

// Beside all others, as it only waits. Without a pong, the server would have given up instead of the next ping.
async function keptAlive() {
    const socket = open(given.wss);
    let pings = 0;
    const third = new Promise((resolve) => socket.on('ping', () => ++pings === 3 && resolve()));
    await socket.up;
    hello(socket, given.tokens[3]);
    await Promise.race([third, new Promise((resolve) => socket.on('close', resolve))]);
    const open_ = socket.readyState === WebSocket.OPEN;
    socket.close();
    return { pings, open: open_ };
}

async function echoes(count) {
    const socket = open(given.ws);
    await socket.up;
    for (let i = 0; i < count; i++) {
        socket.send('text ' + i);
    }
    const seen = [];
    for (let i = 0; i < count; i++) {
        seen.push(await socket.next());
    }
    return seen;
}

async function main() {
    const seen = {};
    const waiting = keptAlive();
    for (const [name, scenario] of Object.entries(scenarios)) {
        seen[name] = await scenario();
    }
    seen.kept_alive = await waiting;
    console.log(JSON.stringify(seen, (key, value) => (value instanceof Uint8Array ? [...value] : value)));
    process.exit(0);
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
