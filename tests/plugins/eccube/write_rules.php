<?php

/* Answers, for each line of JSON that comes in, what the companion's WriteRules say to it. */

declare(strict_types=1);

require dirname(__DIR__, 3).'/plugins/eccube/companion/WriteRules.php';

use Plugin\Renkei\WriteRules;

while (($line = fgets(STDIN)) !== false) {
    $asked = json_decode($line, true, 8, JSON_THROW_ON_ERROR);
    $answer = array_key_exists('stored', $asked)
        ? WriteRules::replaces($asked['stored'], $asked['version'])
        : WriteRules::problem($asked['customer'], $asked['points'], $asked['version']);
    echo json_encode($answer, JSON_THROW_ON_ERROR), "\n";
}
