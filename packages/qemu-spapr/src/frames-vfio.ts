/** Functions of `hw/vfio`. */
export type VfioFrame = never;
