// GET /v1/jobs/ID/events: the job's events as server-sent events, as one would write it with node's own http and
// ioredis: one connection that subscribes, a set of responses for each job.
import { createServer } from 'node:http';
import Redis from 'ioredis';
import { connection, ready } from './probe.js';

const subscriber = new Redis(connection);
const readers = new Map();

subscriber.on('message', (channel, event) => {
  const { seq, type } = JSON.parse(event);
  const text = `id: ${seq}\nevent: ${type}\ndata: ${event}\n\n`;
  for (const response of readers.get(channel) ?? []) response.write(text);
});

const server = createServer(async (request, response) => {
  const channel = `ev:${request.url.split('/')[3]}`;
  if (!readers.has(channel)) {
    readers.set(channel, new Set());
    await subscriber.subscribe(channel);
  }
  readers.get(channel).add(response);
  response.on('close', () => readers.get(channel).delete(response));
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': ready\n\n');
});

server.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT), backlog: 4096 }, () => ready(async () => {
  server.closeAllConnections();
  subscriber.disconnect();
}));
