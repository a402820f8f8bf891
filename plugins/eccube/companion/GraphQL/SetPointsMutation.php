<?php

declare(strict_types=1);

namespace Plugin\Renkei\GraphQL;

use Doctrine\DBAL\Connection;
use Eccube\Entity\Master\CustomerStatus;
use GraphQL\Type\Definition\ObjectType;
use GraphQL\Type\Definition\Type;
use Plugin\Api42\GraphQL\Error\InvalidArgumentException;
use Plugin\Api42\GraphQL\Mutation;
use Plugin\Renkei\WriteRules;

/**
 * renkeiSetPoints: sets a member's points, unless a newer balance has been set already.
 *
 * The points are written by plain SQL: a write of the hub's moves no update_date and sends no webhook, which
 * would only tell the hub of its own writes. The row of the customer is locked meanwhile, so that
 * two writes follow each other.
 */
class SetPointsMutation implements Mutation
{
    private Connection $connection;

    public function __construct(Connection $connection)
    {
        $this->connection = $connection;
    }

    public function getName()
    {
        return 'renkeiSetPoints';
    }

    public function getMutation()
    {
        return [
            'type' => new ObjectType([
                'name' => 'RenkeiShownBalance',
                'fields' => [
                    'customer_id' => Type::nonNull(Type::id()),
                    'points' => Type::nonNull(Type::int()),
                    'version' => Type::nonNull(Type::string()),
                    'applied' => Type::nonNull(Type::boolean()),
                ],
            ]),
            'args' => [
                'customer_id' => ['type' => Type::nonNull(Type::id())],
                'points' => ['type' => Type::nonNull(Type::int())],
                'version' => ['type' => Type::nonNull(Type::string())],
            ],
            'resolve' => function ($root, array $args): array {
                return $this->setPoints((string) $args['customer_id'], $args['points'], $args['version']);
            },
        ];
    }

    private function setPoints(string $id, int $points, string $version): array
    {
        $problem = WriteRules::problem($id, $points, $version);
        if ($problem !== null) {
            throw new InvalidArgumentException($problem);
        }
        $shown = $this->connection->transactional(function () use ($id, $points, $version): ?array {
            return $this->written((int) $id, $points, $version);
        });
        if ($shown === null) {
            throw new InvalidArgumentException('customer_id: No Customer found;');
        }

        return $shown;
    }

    /** What the shop shows afterwards; null where there is no such member (any more). */
    private function written(int $id, int $points, string $version): ?array
    {
        $lock = $this->connection->getDatabasePlatform()->getForUpdateSQL();
        $customer = $this->connection->fetchAssociative(
            'SELECT point, customer_status_id FROM dtb_customer WHERE id = ? '.$lock, [$id]
        );
        if ($customer === false || (int) $customer['customer_status_id'] === CustomerStatus::WITHDRAWING) {
            return null;
        }
        $stored = $this->connection->fetchOne(
            'SELECT version FROM plg_renkei_shown_version WHERE customer_id = ?', [$id]
        );
        $stored = $stored === false ? null : (string) $stored;
        if (!WriteRules::replaces($stored, $version)) {
            return $this->shown($id, (int) $customer['point'], (string) $stored, false);
        }
        $this->connection->update('dtb_customer', ['point' => $points], ['id' => $id]);
        $this->keep($id, $stored, $version);

        return $this->shown($id, $points, $version, true);
    }

    private function keep(int $id, ?string $stored, string $version): void
    {
        if ($stored === null) {
            $this->connection->insert(
                'plg_renkei_shown_version', ['customer_id' => $id, 'version' => $version]
            );

            return;
        }
        $this->connection->update(
            'plg_renkei_shown_version', ['version' => $version], ['customer_id' => $id]
        );
    }

    private function shown(int $id, int $points, string $version, bool $applied): array
    {
        return [
            'customer_id' => (string) $id,
            'points' => $points,
            'version' => $version,
            'applied' => $applied,
        ];
    }
}
