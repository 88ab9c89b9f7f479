// Runs the jobs of door.js: as many updateProgress calls as the job asks for, then done.
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { connection, queueName, ready } from './probe.js';

const worker = new Worker(queueName, async (job) => {
  const { events, delay_ms: delayMs } = job.data;
  for (let done = 1; done <= events; done++) {
    if (delayMs > 0) await sleep(delayMs);
    await job.updateProgress({ done, total: events, unit: 'event' });
  }
  return { events };
}, { connection, concurrency: 64 });

worker.on('error', (error) => console.error(error));
await worker.waitUntilReady();
ready(() => worker.close());
