// Addresses that lead to a moment of a review: `…#review-at=2026-11-02T09:30:00.000Z`.

const NAME = 'review-at';

/** The moment that a fragment leads to, as it is written there; null where it leads to none. */
export function momentIn(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, '')).get(NAME);
}

/** The same address, leading to that moment. What else its fragment says stays. */
export function linkTo(address: string, at: Date): string {
  const link = new URL(address);
  const others = link.hash
    .replace(/^#/, '')
    .split('&')
    .filter((part) => part !== '' && !part.startsWith(`${NAME}=`));
  link.hash = [...others, `${NAME}=${at.toISOString()}`].join('&');
  return link.href;
}
