// The other side of load.ts: gets autocannon's options, sends its result.
import autocannon, { type Client, type Options } from 'autocannon';

process.once('message', (options: Options) => {
  const requests = options.requests ?? [];
  let clients = 0;
  // Each connection begins elsewhere in the list: in step, they would all ask about the same thing at the same time.
  function setupClient(client: Client): void {
    const at = clients % requests.length;
    clients += 1;
    client.setRequests([...requests.slice(at), ...requests.slice(0, at)]);
  }
  void autocannon({ ...options, setupClient }).then((result) => process.send?.(result));
});
