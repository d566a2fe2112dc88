/* A turnstile's registers served by libmodbus; every Nth answer comes late.
 * libmodbus_slave PORT EVERY LATE_MS    The error code is the time at which the
 * request was taken, in ms of the clock that all processes share. */
#include <errno.h>
#include <modbus.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 0x40, ERROR = 0x48, WORDS = 0x3001 - FIRST, IDENTITY = 0x2B };

int main(int argc, char **argv)
{
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    unsigned served = 0;
    if (argc != 4)
        return 2;
    unsigned every = (unsigned)atoi(argv[2]), late_ms = (unsigned)atoi(argv[3]);
    modbus_t *line = modbus_new_rtu(argv[1], 115200, 'N', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new_start_address(0, 3, 0, 19, FIRST, WORDS, 0, 0);
    if (!line || !map || modbus_set_slave(line, 1) || modbus_connect(line))
        return 1;
    map->tab_registers[0x42 - FIRST] = 1;
    for (;;) {
        int length = modbus_receive(line, query);
        if (length < 0 && (errno == EBADF || errno == EIO))
            return 0;
        if (length <= 0)
            continue;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        map->tab_registers[ERROR - FIRST] =
            (uint16_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
        if (query[1] != IDENTITY)
            served++;
        if (every && served % every == 0)
            usleep(late_ms * 1000);
        modbus_reply(line, query, length, map);
    }
}
