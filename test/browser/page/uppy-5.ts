// A page with Uppy 5.
import AwsS3 from '@uppy/aws-s3';
import { Uppy } from '@uppy/core';
import GoldenRetriever from '@uppy/golden-retriever';
import { harnessOf } from './uppy.ts';

/** By default it keeps no file of more than 10 MiB. The types lack it. */
const ROOM = { name: 'uppy-blobs', maxFileSize: 2 ** 30 };

export const { open, add, upload, retry, pause, resume, cancel, confirm } = harnessOf((id, options, isKept) => {
  const uppy = new Uppy({ id }).use(AwsS3, options);
  return isKept ? uppy.use(GoldenRetriever, { indexedDB: ROOM }) : uppy;
});
