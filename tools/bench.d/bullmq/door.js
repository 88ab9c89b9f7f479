// POST /probe: adds a job and streams its progress as server-sent events until it has ended.
//
// As the documentation of BullMQ would have it: one QueueEvents for the process, which reads the queue's events
// from Redis and hands them to the request they belong to. The job's id is chosen here, so that the request is
// entered before the job exists and no event can come too early.
import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { Queue, QueueEvents } from 'bullmq';
import { connection, queueName, ready } from './probe.js';

const queue = new Queue(queueName, {
  connection,
  // "Going to production": finished jobs are kept for an hour, as Parley keeps them.
  defaultJobOptions: { removeOnComplete: { age: 3600, count: 1000 }, removeOnFail: { age: 24 * 3600 } },
});
const queueEvents = new QueueEvents(queueName, { connection });
const streams = new Map();

function send(jobId, event, data) {
  const stream = streams.get(jobId);
  if (stream) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function end(jobId, event, data) {
  const stream = streams.get(jobId);
  if (!stream) return;
  streams.delete(jobId);
  stream.end(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

queueEvents.on('progress', ({ jobId, data }) => send(jobId, 'progress', data));
queueEvents.on('completed', ({ jobId, returnvalue }) => end(jobId, 'completed', returnvalue));
queueEvents.on('failed', ({ jobId, failedReason }) => end(jobId, 'failed', { failedReason }));

const body = {
  type: 'object',
  additionalProperties: false,
  properties: {
    events: { type: 'integer', minimum: 0, maximum: 10000, default: 5 },
    delay_ms: { type: 'integer', minimum: 0, maximum: 60000, default: 0 },
  },
};

const app = Fastify({ logger: false });
app.post('/probe', { schema: { body } }, (request, reply) => {
  const jobId = randomUUID();
  const stream = reply.raw;
  reply.hijack();
  stream.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  streams.set(jobId, stream);
  stream.on('close', () => streams.delete(jobId));
  queue.add('probe', request.body, { jobId })
    .catch((error) => end(jobId, 'failed', { failedReason: error.message }));
});

// POST /jobs: adds a job and says so, as `tools/bench door` asks both sides to.
const goal = {
  type: 'object',
  additionalProperties: false,
  required: ['prediction_data'],
  properties: {
    prediction_data: {
      type: 'object',
      additionalProperties: false,
      required: ['goal'],
      properties: {
        goal: { type: 'string', minLength: 1, maxLength: 4000, pattern: '\\S' },
        context: { type: 'string', maxLength: 16000 },
      },
    },
  },
};
app.post('/jobs', { schema: { body: goal } }, async (request, reply) => {
  const job = await queue.add('predict', request.body);
  return reply.code(202).send({ id: job.id, status: 'queued', created_at: job.timestamp });
});

await Promise.all([queue.waitUntilReady(), queueEvents.waitUntilReady()]);
await app.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT) });
ready(async () => {
  app.server.closeAllConnections();
  await app.close();
  await Promise.all([queueEvents.close(), queue.close()]);
});
