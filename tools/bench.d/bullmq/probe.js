// What door and worker of the peer must agree on.
export const queueName = 'probe';

// BullMQ wants this for whoever blocks; ioredis takes the path of a unix socket.
export const connection = { path: process.env.BENCH_REDIS, maxRetriesPerRequest: null };

// Tells tools/bench that it can begin, and ends when told to.
export function ready(close) {
  for (const signal of ['SIGTERM', 'SIGINT'])
    process.once(signal, () => close().finally(() => process.exit(0)));
  console.log('ready');
}
