import fc from 'fast-check';

// Whether a fault is caught must not be a matter of luck, and nobody asks for the shortest example of it.
fc.configureGlobal({ seed: 20, endOnFailure: true });
