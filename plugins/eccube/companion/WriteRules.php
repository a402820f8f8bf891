<?php

declare(strict_types=1);

namespace Plugin\Renkei;

/**
 * What may be written, and which of two writes is the newer. Pure: no shop, no database.
 */
final class WriteRules
{
    /** The largest id that EC-CUBE's databases hold. */
    private const LARGEST_ID = 2147483647;

    /**
     * Whether a write replaces what is there. A version sorts, byte by byte, after those before it;
     * the same one again is the same write again.
     */
    public static function replaces(?string $stored, string $asked): bool
    {
        return $stored === null || strcmp($asked, $stored) >= 0;
    }

    /**
     * What is wrong with what was asked for, in the words of the Web API plugin, or null.
     */
    public static function problem(string $customer, int $points, string $version): ?string
    {
        if (preg_match('/^[1-9][0-9]{0,9}$/D', $customer) !== 1 || (int) $customer > self::LARGEST_ID) {
            return 'customer_id: No Customer found;';
        }
        if ($points < 0) {
            return 'points: points must not be negative;';
        }
        if (preg_match('/^[\x21-\x7e]{1,64}$/D', $version) !== 1) {
            return 'version: version must be 1 to 64 visible ASCII characters;';
        }

        return null;
    }
}
