/** The assertion that fails when a PHB comes back before its predecessor's windows are freed. */
export const DUPLICATE_ASSERTION = 'memory_region_del_subregion: subregion->container == mr';
/** A second error where only one may be: a function that is taken, and comes after function 0 besides. */
export const TWO_ERRORS_ASSERTION = 'error_setv: *errp == NULL';
/** No assertion: the error for a function that is taken names function 0, which is not there. */
export const NO_FUNCTION_0 = 'spapr_pci_pre_plug: a function that is not there is named (SIGSEGV)';
