// A process of its own around the embedded store, for the tests that kill it. Arguments: data folder.
import { startLocalS3 } from '../../src/local-s3/server.ts';

const [dataDir = ''] = process.argv.slice(2);
const { endpoint } = await startLocalS3({
  dataDir,
  bucket: 'recordings',
  credentials: [{ accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' }],
});
process.stdout.write(`${endpoint}\n`);
