// One person who uses @mattermost/client as published. Orders come as JSON lines on stdin; what the client
// answers and hears goes out as JSON lines on stdout, and what it logs to stderr.
import {createInterface} from 'node:readline';

import mattermost from '@mattermost/client';
import {WebSocket} from 'ws';

const {Client4, ClientError, WebSocketClient} = mattermost;

// Node has a WebSocket of its own from 22 on; the client names the global one.
globalThis.WebSocket ??= WebSocket;
globalThis.CloseEvent ??= class CloseEvent extends Event {
    constructor(type, init) {
        super(type);
        Object.assign(this, init);
    }
};
console.log = console.error;

const client = new Client4();
const socket = {};
const counts = {calls: 0, refusals: 0, events: 0, connects: 0, reconnects: 0, missed: 0, closes: 0};

function tell(line) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
}

function refusal(error) {
    if (!(error instanceof ClientError)) {
        throw error;
    }
    counts.refusals++;
    return {message: error.message, id: error.server_error_id, status: error.status_code};
}

// A browser shows its cookie at the upgrade; a bot sends its token as the first message instead.
function listen({url, cookie, patience}) {
    const token = client.getToken();
    const headers = cookie ? {Cookie: `MMAUTHTOKEN=${token}`} : {};
    const retries = patience ? {minWebSocketRetryTime: patience, reconnectJitterRange: 1} : {};
    const ws = new WebSocketClient({newWebSocketFn: (address) => new WebSocket(address, {headers}), ...retries});
    ws.addMessageListener((frame) => {
        counts.events++;
        tell({frame});
    });
    ws.addFirstConnectListener(() => counts.connects++);
    ws.addReconnectListener(() => counts.reconnects++);
    ws.addCloseListener(() => counts.closes++);
    ws.addMissedMessageListener(() => {
        counts.missed++;
        tell({missed: counts.missed});
    });
    ws.initialize(url ?? client.getWebSocketUrl(), cookie ? '' : token);
    socket.ws = ws;
}

// What JSON has no words for, as the values of arguments: files (their content as base64) and forms.
function revived(key, value) {
    if (value?.$file) {
        return new File([Buffer.from(value.$file.content, 'base64')], value.$file.name);
    }
    if (value?.$form) {
        const form = new FormData();
        value.$form.forEach(([field, content]) => form.append(field, content));
        return form;
    }
    return value;
}

const orders = {
    async call({name, args}) {
        counts.calls++;
        const result = await client[name](...args);
        return result instanceof Response ? {status: result.status} : result;
    },
    act: ({name, args}) => new Promise((answer) => {
        socket.ws[name](...args, answer);
    }),
    // What lies at an address that the client tells, as a browser loads it.
    async download({name, args}) {
        const headers = {Authorization: `Bearer ${client.getToken()}`};
        const response = await fetch(client[name](...args), {headers});
        const content = Buffer.from(await response.arrayBuffer()).toString('base64');
        return {status: response.status, type: response.headers.get('content-type'), content};
    },
    set: ({name, args}) => client[name](...args),
    token: () => client.getToken(),
    listen,
    report: () => ({...counts, serverVersion: client.serverVersion}),
};

for await (const line of createInterface({input: process.stdin})) {
    const {id, order, ...details} = JSON.parse(line, revived);
    try {
        tell({id, result: (await orders[order](details)) ?? null});
    } catch (error) {
        tell({id, refused: refusal(error)});
    }
}
socket.ws?.close();
