// Names the setting that stops a start, instead of the system call that failed.

const OF_FOLDER: Readonly<Record<string, string>> = {
  EACCES: 'cannot be written by this user',
  EPERM: 'cannot be written by this user',
  EROFS: 'is on a read-only file system',
  EEXIST: 'is not a folder',
  ENOTDIR: 'is not a folder',
};

const OF_PORT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'cannot be used by this user',
};

function reasonFrom(reasons: Readonly<Record<string, string>>, error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code];
}

/** Rejects with an Error that names DATA_DIR where its folder cannot be used; with any other error as it is. */
export async function inDataDir<T>(dataDir: string, using: Promise<T>): Promise<T> {
  return using.catch((error: unknown) => {
    const reason = reasonFrom(OF_FOLDER, error);
    throw reason === undefined ? error : new Error(`DATA_DIR: ${dataDir} ${reason}`, { cause: error });
  });
}

/** Rejects with an Error that names the setting of the port, and that of its host, where they cannot be used. */
export async function onPort<T>(setting: 'PORT' | 'LOCAL_S3_PORT', port: number, listening: Promise<T>): Promise<T> {
  return listening.catch((error: unknown) => {
    const reason = reasonFrom(OF_PORT, error);
    const isOfPort = error instanceof Error && 'syscall' in error && error.syscall === 'listen';
    if (reason === undefined || !isOfPort) throw error;
    throw new Error(`${setting}: port ${port} ${reason}; set ${setting} to another`, { cause: error });
  });
}
