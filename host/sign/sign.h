// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>

#include "lib/evidence/sgx_sigstruct.h"

/* An RSA key of 3072 bits and exponent 3; NULL: OpenSSL says why not. */
EVP_PKEY *dj_sgx_new_key(void);

/* Sets modulus, signature and quotients over the fields that are signed;
 * false: not such a key. */
bool dj_sgx_sign(EVP_PKEY *key, struct dj_sgx_sigstruct *s);
