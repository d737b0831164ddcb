// Where the client finds the service and the store, and what it records.

export const SERVICE_URL = 'http://service.test';
/** As the store in memory signs its URLs. */
export const STORE_URL = 'http://store.test';
export const EXAM = 'math';
export const ATTEMPT = 'a1';
