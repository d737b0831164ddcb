// A process of its own around the embedded store, for the tests that kill it. Arguments: data folder, port.
import { startEmbeddedS3 } from '../src/server.ts';

const [dataDir = '', port = '0'] = process.argv.slice(2);
const { endpoint } = await startEmbeddedS3({
  dataDir,
  bucket: 'recordings',
  port: Number(port),
  credentials: [{ accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' }],
});
process.stdout.write(`${endpoint}\n`);
