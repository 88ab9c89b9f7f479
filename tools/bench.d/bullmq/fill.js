// Puts BENCH_JOBS jobs that do nothing on the queue, for `tools/bench fleet`.
import { Queue } from 'bullmq';
import { connection, queueName } from './probe.js';

const queue = new Queue(queueName, { connection, defaultJobOptions: { removeOnComplete: true } });
const count = Number(process.env.BENCH_JOBS);
for (let from = 0; from < count; from += 1000) {
  const jobs = Array.from({ length: Math.min(1000, count - from) }, () => ({ name: 'probe', data: { events: 0 } }));
  await queue.addBulk(jobs);
}
await queue.close();
