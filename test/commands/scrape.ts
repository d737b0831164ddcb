// Reads /metrics as Prometheus does.

/** By the whole name, with its labels: `http_requests_total{method="GET",route="/livez",status="200"}`. */
export type Samples = ReadonlyMap<string, number>;

export async function scrape(url: string): Promise<{ text: string; samples: Samples }> {
  const answer = await fetch(`${url}/metrics`);
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
  const text = await answer.text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = lines.map((line): [string, number] => {
    const space = line.lastIndexOf(' ');
    return [line.slice(0, space), Number(line.slice(space + 1))];
  });
  return { text, samples: new Map(samples) };
}

/** Scrapes until what is asked for is true; the test's own time limit ends it. */
export async function scrapeUntil(url: string, isIt: (samples: Samples) => boolean): Promise<Samples> {
  for (;;) {
    const { samples } = await scrape(url);
    if (isIt(samples)) return samples;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
