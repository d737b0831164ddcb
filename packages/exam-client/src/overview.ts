// Stand-in.
export interface Overview {
  readonly pictures: { readonly type: string; readonly width: number; readonly height: number; readonly atSeconds: readonly number[]; readonly bytes: readonly Uint8Array<ArrayBuffer>[] } | undefined;
  readonly activity: { readonly everySeconds: number; readonly values: Uint8Array } | undefined;
}
export function readOverview(bytes: Uint8Array<ArrayBuffer>): Overview {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const { pictures, activity } = header;
  return {
    pictures: pictures && { ...pictures, bytes: pictures.sizeBytes.map((size: number) => bytes.subarray(at, (at += size))) },
    activity: activity && { everySeconds: activity.everySeconds, values: Uint8Array.from(atob(activity.values), (c) => c.charCodeAt(0)) },
  };
}
