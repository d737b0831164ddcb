// The floor for part URLs: Express 5 answering JSON of the same size, with no token, no body read, no signature.
import express from 'express';

const part = {
  partNumber: 1,
  method: 'PUT',
  url: `http://127.0.0.1:9000/bucket/attempts/acme/exam/attempt/recording/media?${'x'.repeat(520)}`,
  headers: { 'content-length': '5242880' },
  expiresAt: '2026-01-01T00:00:00.000Z',
};
const app = express();
app.get('/ready', (_req, res) => {
  res.json({});
});
app.post('/parts', (_req, res) => {
  res.json({ parts: [part] });
});
app.listen(Number(process.env.PORT), '127.0.0.1');
