// One person who uses mattermost-redux, the data layer of the web app, as published. Orders come as JSON lines on
// stdin, what the store answers goes out as JSON lines on stdout, and what it logs to stderr.
import {createRequire} from 'node:module';
import {createInterface} from 'node:readline';

const require = createRequire(import.meta.url);
console.log = console.error;
// Some actions wait by the browser's timers.
globalThis.window = globalThis;

const {Client4} = require('mattermost-redux/client');
const {default: configureStore} = require('mattermost-redux/store');
const {receivedPost} = require('mattermost-redux/actions/posts');

const store = configureStore({appReducers: {}, preloadedState: {}});
Client4.setEnableLogging(true);

// Every request that the store makes, with the status of its answer.
const asked = [];
const bare = globalThis.fetch;
globalThis.fetch = async (url, options) => {
    const response = await bare(url, options);
    const {pathname} = new URL(url);
    asked.push({method: (options?.method ?? 'get').toUpperCase(), path: pathname, status: response.status});
    return response;
};

function tell(line) {
    process.stdout.write(`${JSON.stringify(line)}\n`);
}

function refusal(error) {
    // Actions also give errors of their own, and copies of those of the client.
    return {message: error.message ?? String(error), id: error.server_error_id ?? '', status: error.status_code ?? 0};
}

const orders = {
    call: ({name, args}) => Client4[name](...args),
    set: ({name, args}) => Client4[name](...args),
    token: () => Client4.getToken(),
    async dispatch({module, name, args}) {
        const action = require(`mattermost-redux/actions/${module}`)[name];
        const result = await store.dispatch(action(...args));
        if (result?.error) {
            throw result.error;
        }
        return result?.data;
    },
    // What the web app does with the post of a post_edited event.
    edited: ({post}) => Boolean(store.dispatch(receivedPost(post, true))),
    state: ({path}) => path.reduce((part, name) => part?.[name], store.getState().entities),
    asked: () => asked.splice(0),
};

for await (const line of createInterface({input: process.stdin})) {
    const {id, order, ...details} = JSON.parse(line);
    try {
        tell({id, result: (await orders[order](details)) ?? null});
    } catch (error) {
        tell({id, refused: refusal(error)});
    }
}
process.exit(0);
