# SPDX-License-Identifier: Apache-2.0
# The files of BearSSL 0.6 that we use, below its src/.
BEARSSL_FILES := \
	codec/ccopy.c codec/dec32be.c codec/dec32le.c codec/dec64be.c \
	codec/dec64le.c codec/enc32be.c codec/enc32le.c codec/enc64be.c \
	codec/enc64le.c \
	hash/sha2small.c hash/sha2big.c hash/sha1.c hash/ghash_ctmul64.c \
	hash/ghash_pclmul.c hash/dig_size.c hash/dig_oid.c \
	mac/hmac.c mac/hmac_ct.c kdf/hkdf.c rand/hmac_drbg.c \
	symcipher/aes_common.c symcipher/aes_ct64.c symcipher/aes_ct64_ctr.c \
	symcipher/aes_ct64_enc.c symcipher/aes_x86ni.c \
	symcipher/aes_x86ni_ctr.c symcipher/chacha20_ct.c \
	symcipher/chacha20_sse2.c symcipher/poly1305_ctmulq.c \
	symcipher/poly1305_ctmul.c aead/gcm.c \
	ec/ec_c25519_m31.c ec/ec_p256_m31.c ec/ec_prime_i31.c \
	ec/ec_secp256r1.c ec/ec_secp384r1.c ec/ec_secp521r1.c \
	ec/ec_curve25519.c ec/ec_pubkey.c \
	ec/ecdsa_i31_vrfy_raw.c ec/ecdsa_i31_sign_raw.c ec/ecdsa_i31_bits.c \
	int/i31_add.c int/i31_bitlen.c int/i31_decmod.c int/i31_decode.c \
	int/i31_decred.c int/i31_encode.c int/i31_fmont.c int/i31_iszero.c \
	int/i31_modpow.c int/i31_modpow2.c int/i31_montmul.c \
	int/i31_mulacc.c int/i31_muladd.c int/i31_ninv31.c int/i31_reduce.c \
	int/i31_rshift.c int/i31_sub.c int/i31_tmont.c int/i31_moddiv.c \
	int/i32_div32.c
