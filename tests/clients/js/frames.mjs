// A client of `ws` that repeats every message it hears, as the library has decoded it: one JSON line each.
import {WebSocket} from 'ws';

const [url, token, deflate] = process.argv.slice(2);
const socket = new WebSocket(url, {
    headers: {Authorization: `Bearer ${token}`},
    perMessageDeflate: deflate === 'deflate',
});
socket.on('message', (data, binary) => {
    const extension = socket.extensions;
    process.stdout.write(`${JSON.stringify({binary, extension, data: data.toString('base64')})}\n`);
});
socket.on('error', (error) => {
    console.error(error);
    process.exitCode = 1;
});
process.stdin.on('end', () => socket.terminate()).resume();
