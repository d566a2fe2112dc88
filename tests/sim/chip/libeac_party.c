/* One party of PACE-GM or chip authentication by libeac, line by line in hexadecimal: what the other sent comes in,
 * what this one sends goes out. Arguments: "terminal" or "chip", the protocol's name in OpenSSL's
 * table, the standardised parameter's number, "raw" or "can", and the password ("raw": its
 * encoding by Doc 9303-11, table 14, in hexadecimal). Or "agree", the protocol's name, the number,
 * and the chip's private and public key: takes the terminal's public key, gives the shared
 * secret. Ends with 0 and the session keys (encryption, authentication) when
 * the other's token is right. */
#include <eac/ca.h>
#include <eac/eac.h>
#include <eac/pace.h>
#include <openssl/buffer.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static BUF_MEM *parse(const char *line)
{
    BUF_MEM *taken = BUF_MEM_new();
    if (!taken)
        exit(2);
    size_t size = strspn(line, "0123456789abcdef") / 2;
    if (!BUF_MEM_grow(taken, size))
        exit(2);
    for (size_t i = 0; i < size; i++) {
        unsigned value;
        sscanf(line + 2 * i, "%2x", &value);
        taken->data[i] = (char)value;
    }
    return taken;
}

static BUF_MEM *take(void)
{
    static char line[4096];
    if (!fgets(line, sizeof line, stdin))
        exit(2);
    return parse(line);
}

static void say(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", (unsigned char)data[i]);
    printf("\n");
    fflush(stdout);
}

static BUF_MEM *give(BUF_MEM *sent)
{
    if (!sent)
        exit(3);
    say(sent->data, sent->length);
    return sent;
}

static void must(int done)
{
    if (!done)
        exit(3);
}

static int end(EAC_CTX *party)
{
    KA_CTX *keys = party->pace_ctx->ka_ctx;
    say(keys->k_enc->data, keys->k_enc->length);
    say(keys->k_mac->data, keys->k_mac->length);
    return 0;
}

static int terminal(EAC_CTX *party, PACE_SEC *secret)
{
    must(PACE_STEP2_dec_nonce(party, secret, take()));
    give(PACE_STEP3A_generate_mapping_data(party));
    must(PACE_STEP3A_map_generator(party, take()));
    give(PACE_STEP3B_generate_ephemeral_key(party));
    BUF_MEM *chip_key = take();
    must(PACE_STEP3B_compute_shared_secret(party, chip_key));
    must(PACE_STEP3C_derive_keys(party));
    give(PACE_STEP3D_compute_authentication_token(party, chip_key));
    if (PACE_STEP3D_verify_authentication_token(party, take()) != 1)
        return 1;
    return end(party);
}

static int chip(EAC_CTX *party, PACE_SEC *secret)
{
    give(PACE_STEP1_enc_nonce(party, secret));
    BUF_MEM *mapping = take();
    give(PACE_STEP3A_generate_mapping_data(party));
    must(PACE_STEP3A_map_generator(party, mapping));
    BUF_MEM *terminal_key = take();
    give(PACE_STEP3B_generate_ephemeral_key(party));
    must(PACE_STEP3B_compute_shared_secret(party, terminal_key));
    must(PACE_STEP3C_derive_keys(party));
    if (PACE_STEP3D_verify_authentication_token(party, take()) != 1)
        return 1;
    give(PACE_STEP3D_compute_authentication_token(party, terminal_key));
    return end(party);
}

static int agree(char **argv)
{
    EAC_CTX *party = EAC_CTX_new();
    BUF_MEM *private_key = parse(argv[4]), *public_key = parse(argv[5]);
    must(EAC_CTX_init_ca(party, OBJ_txt2nid(argv[2]), atoi(argv[3])));
    must(CA_set_key(party, (unsigned char *)private_key->data, private_key->length,
                    (unsigned char *)public_key->data, public_key->length));
    must(CA_STEP4_compute_shared_secret(party, take()));
    give(party->ca_ctx->ka_ctx->shared_secret);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    EAC_init();
    if (!strcmp(argv[1], "agree"))
        return agree(argv);
    int raw = !strcmp(argv[4], "raw");
    BUF_MEM *encoded = raw ? parse(argv[5]) : NULL;
    EAC_CTX *party = EAC_CTX_new();
    must(EAC_CTX_init_pace(party, OBJ_txt2nid(argv[2]), atoi(argv[3])));
    PACE_SEC *secret = raw ? PACE_SEC_new(encoded->data, encoded->length, PACE_RAW)
                           : PACE_SEC_new(argv[5], strlen(argv[5]), PACE_CAN);
    must(secret != NULL);
    return strcmp(argv[1], "chip") ? terminal(party, secret) : chip(party, secret);
}
