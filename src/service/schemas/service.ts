/** The service's own state, and its errors. */
import { z } from 'zod';

export const Health = z
  .strictObject({ status: z.enum(['ok', 'starting', 'failing']), problems: z.array(z.string()) })
  .meta({ description: 'Alive, or ready' });

export const Problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    instance: z.string(),
  })
  .meta({ description: 'RFC 9457 problem' });

export type Health = z.output<typeof Health>;
