<?php

declare(strict_types=1);

namespace Plugin\Renkei\Entity;

use Doctrine\ORM\Mapping as ORM;

/**
 * The version of the balance that was last written for a customer.
 *
 * It is read and written by plain SQL (GraphQL/SetPointsMutation.php); EC-CUBE makes its table from
 * this class when the plugin is installed.
 *
 * @ORM\Table(name="plg_renkei_shown_version")
 * @ORM\Entity
 */
class ShownVersion
{
    /**
     * @var int
     *
     * @ORM\Id
     * @ORM\Column(name="customer_id", type="integer", options={"unsigned":true})
     * @ORM\GeneratedValue(strategy="NONE")
     */
    private $customer_id;

    /**
     * @var string
     *
     * @ORM\Column(name="version", type="string", length=64)
     */
    private $version;
}
