/*
 * One thing is wrong here: the licence is missing.
 */
#ifndef NFBIND_BAD_H
#define NFBIND_BAD_H

#endif
