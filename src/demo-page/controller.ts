// The organisation that the consent page names: an invented one. An integrator fills in its own.
export const CONTROLLER = {
  name: 'Demo Academy',
  contact: 'privacy@demo-academy.example',
  /** Sent with the consent: which text the candidate agreed to. */
  policyVersion: '2026-1',
} as const;
