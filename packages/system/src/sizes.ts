/** How large a modelled machine is: `power9` as a real one, `minimal` for searching all interleavings. */
export type Size = 'minimal' | 'power9';
